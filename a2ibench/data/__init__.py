"""Volumes: catalogue, downloads, formats, writers, phantom. Import modules where needed: most are heavy."""

from __future__ import annotations
