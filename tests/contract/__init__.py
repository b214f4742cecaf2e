"""Tests of the public contract, written from outside: only the face of the package, the OTel API and SDK."""
