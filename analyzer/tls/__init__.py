# SPDX-License-Identifier: GPL-2.0-only
"""TLS connections opened with the secrets of a key log or with an RSA key."""
