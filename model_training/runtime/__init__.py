"""What long work needs: whole files, interruption, several processes."""
