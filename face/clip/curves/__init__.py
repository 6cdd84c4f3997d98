"""What moves when: curves of measures over the time of a clip -> rest, movements, blinks and how they run."""
