"""An examination from the files of a folder, and its page for people: no HTTP."""
