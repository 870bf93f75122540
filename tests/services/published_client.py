"""The client that TissueMAPS published."""

VERSION = "0.3.3"
REQUIREMENTS = (
    f"tmclient=={VERSION}",
    # what it asks for without a limit, within what is known to work
    "opencv-contrib-python>=4.10,<6",
    "pandas>=2.2,<4",
    "prettytable>=3,<4",
    "pyyaml>=6,<7",
    "requests>=2.32,<3",
    # it imports cgi, which left the standard library
    "legacy-cgi>=2.6; python_version >= '3.13'",
)
