"""The command `htnet`: everything this project does, in groups. It imports the other packages; none imports it."""
