"""A user's own files: find out what they are, draft a configuration, and check one."""
