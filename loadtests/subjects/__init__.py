"""What the laboratory measures: the words a subject is described in, and the subjects."""
