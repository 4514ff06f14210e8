"""What the dataset of this package is good for."""

import a2ibench


def test_a_method_can_be_scored_on_it(tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    table = a2ibench.run("cubic", "frozen-dataset", executor="inline", out=tmp_path / "run")
    assert table["status"].tolist() == ["ok"]
    # Far from perfect, or there would be nothing to gain; far from noise, or nothing could be gained.
    assert 15 < table["psnr"].item() < 40
