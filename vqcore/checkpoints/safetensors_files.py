"""A safetensors file, opened by its header: values are read with positioned reads, only where asked for."""

# https://github.com/huggingface/safetensors, the format

from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import safe_open

from vqcore.checkpoints.errors import CheckpointError, shown
from vqcore.checkpoints.tensors import StoredArray, as_numpy

DTYPES = {"BF16": "bfloat16", "BOOL": "bool", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}


class SafetensorsArray(StoredArray):
    """One tensor of an open safetensors file."""

    def __init__(self, key: str, file: Any) -> None:
        super().__init__(key)
        self._file = file

    @property
    def shape(self) -> tuple[int, ...]:
        """As stored."""
        return tuple(self._file.get_slice(self.key).get_shape())

    @property
    def dtype(self) -> str:
        """As stored."""
        name: str = self._file.get_slice(self.key).get_dtype()
        return DTYPES.get(name, name.replace("F", "float").replace("I", "int").replace("U", "u"))

    def part(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """The values at `index`."""
        try:
            if not index:
                return as_numpy(self._file.get_tensor(self.key))
            return as_numpy(self._file.get_slice(self.key)[index])
        except Exception as error:  # the library raises its own kind, and torch's
            raise CheckpointError(f"`{shown(self.key)}` cannot be read: {shown(error)}.") from error


def load_safetensors(path: Path) -> tuple[dict[str, StoredArray], dict[str, str]]:
    """The file's arrays by key, and its metadata.

    Raises:
        CheckpointError: for a header that does not describe the file.
    """
    try:
        file: Any = safe_open(path, framework="pt", backend="pread")
        metadata = file.metadata() or {}
        return {key: SafetensorsArray(key, file) for key in file.keys()}, metadata  # noqa: SIM118, no mapping
    except Exception as error:  # the library raises its own kind
        raise CheckpointError(
            f"`{shown(path)}` begins as a safetensors file does but cannot be read as one ({shown(error)}). Copy or "
            "download it again."
        ) from error
