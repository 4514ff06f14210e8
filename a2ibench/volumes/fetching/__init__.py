"""Downloads: files that go on where they stopped, members of archives, and crops of remote volumes."""
