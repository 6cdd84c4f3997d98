"""What both tasks are judged with: one page with figures, what they mean, plots and worst errors."""
