"""Storms: a service of several processes under faults, and an oracle outside of it (chaos/drive.py)."""
