"""The Debian package of a box: `make deb`, and the signed repository it is installed from.

wheels.py   the locked wheels of one architecture, for each Python of Debian
package.py  what lies in the package, and `dpkg-deb` around it
repository.py   `make repo DIR=`: index and signature
release.py  `make release`: everything of one version, with hashes
files/      what Debian runs and asks: control, maintainer scripts, launcher

Nothing here reaches a home as code; `gateway/` knows nothing of it.
"""
