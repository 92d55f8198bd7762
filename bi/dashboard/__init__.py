"""The dashboard: one self-contained HTML file, built from the published marts."""
