"""The pages, and how they are served."""
