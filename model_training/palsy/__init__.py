"""House-Brackmann grading: task, losses, augmentation; evaluation/ judges it, inference/ answers with it."""
