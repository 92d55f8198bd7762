"""pmo.toml: its shape, where its keys stand, and what is said when something in it is wrong."""
