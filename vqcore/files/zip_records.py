"""Where the uncompressed records of a zip archive lie."""

import struct
import zipfile

from vqcore.files.errors import shown
from vqcore.files.regular_files import RegularFile

ENCRYPTED = 1
"""The flag of a record that needs a password."""


def is_stored(info: zipfile.ZipInfo) -> bool:
    """Whether the record is stored uncompressed and unencrypted."""
    return info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & ENCRYPTED


def start_of_data(file: RegularFile, info: zipfile.ZipInfo) -> int:
    """Offset of the first byte of an uncompressed record.

    Raises:
        ValueError: if no record begins at its offset.
    """
    header = file.read(info.header_offset, 30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise ValueError(f"no record {shown(info.filename)} at its place")
    name, extra = struct.unpack("<HH", header[26:30])
    start: int = info.header_offset + 30 + name + extra
    if start + info.file_size > file.size:
        raise ValueError(f"record {shown(info.filename)} goes beyond the file")
    return start
