"""What a2ibench relies on."""

import pytest
from a2ibench.testing import checks


@pytest.mark.parametrize("check", checks("dataset", "frozen-dataset"), ids=str)
def test_conforms(check):
    check()
