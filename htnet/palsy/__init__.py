"""`htnet palsy`: the commands of facial palsy."""
