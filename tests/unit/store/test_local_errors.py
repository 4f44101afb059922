"""What a file system's refusal means, as a table."""

import errno

import pytest

from ner_jobs.store.local_errors import explained, reading
from ner_jobs.task import ExitCode, RetryableError


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        pytest.param(errno.ENOSPC, 73, "no space left to write /store/x", id="the disk is full"),
        pytest.param(errno.EDQUOT, 73, "no space left to write /store/x", id="the quota is used up"),
        pytest.param(errno.EFBIG, 73, "no space left to write /store/x", id="the file may grow no more"),
        pytest.param(errno.EROFS, 73, "check the folder's owner and mode", id="mounted read-only"),
        pytest.param(errno.EACCES, 73, "check the folder's owner and mode", id="no right to write"),
        pytest.param(errno.ENOTDIR, 73, "a part of its path is a file", id="a file is in the way"),
        pytest.param(errno.ENAMETOOLONG, 73, "too long a name", id="a name beyond the file system's"),
        pytest.param(errno.EIO, 75, "/store/x cannot be written", id="the disk stumbled"),
        pytest.param(errno.ESTALE, 75, "/store/x cannot be written", id="the share was mounted anew"),
    ],
)
def test_a_write_that_fails_says_what_to_do(number: int, code: int, words: str) -> None:
    meaning = explained(OSError(number, "as the kernel says"), "/store/x")
    assert meaning.code == ExitCode(code)
    assert words in str(meaning)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ENOENT])
def test_a_read_that_fails_may_succeed_later(number: int) -> None:
    with pytest.raises(RetryableError, match="/store/x cannot be read"), reading("/store/x"):
        raise OSError(number, "as the kernel says")
