"""Opens, downloads and generates volumes. Import the modules where they are needed: most are heavy."""
