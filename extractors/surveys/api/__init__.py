"""What the online survey tools have in common: questions, responses, rows, the course of a run."""
