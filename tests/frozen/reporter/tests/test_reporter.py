"""What the report of this package says."""

from a2ibench import Record, Run, Score

from a2ibench_frozen_reporter.reporter import ranks_by_method, write_ranking


def job(dataset, method, psnr, seed=0):
    if psnr is None:
        return Record(dataset, method, seed, "error")
    return Record(dataset, method, seed, metrics={"psnr": Score(psnr, 1)})


def test_methods_stand_in_the_order_of_their_mean_rank(tmp_path):
    scores = {"cortex": (29.0, 33.0, 32.0), "medulla": (31.0, 31.5, None)}
    records = []
    for dataset, psnr in scores.items():
        for method, value in zip(("cubic", "good", "fails"), psnr, strict=True):
            records.append(job(dataset, method, value))
    (file,) = write_ranking(Run(tmp_path, records=tuple(records)))
    rows = [line.split(" | ") for line in file.read_text().splitlines()[4:]]
    assert rows == [
        ["| good", "1.00", "2 of 2 |"],
        ["| fails", "2.00", "1 of 2 |"],
        ["| cubic", "2.50", "2 of 2 |"],
    ]


def test_seeds_count_once(tmp_path):
    noisy = (job("cortex", "noisy", 30.0, 0), job("cortex", "noisy", 40.0, 1))
    (file,) = write_ranking(Run(tmp_path, records=(*noisy, job("cortex", "steady", 36.0))))
    assert file.read_text().index("steady") < 200
    assert "1 of 1" in file.read_text()


def test_ties_share_their_mean_rank():
    assert ranks_by_method({"d": {"a": 1.0, "b": 2.0, "c": 2.0}}) == {"a": [3.0], "b": [1.5], "c": [1.5]}


def test_without_scores_nothing_is_written(tmp_path):
    assert write_ranking(Run(tmp_path, records=(job("cortex", "fails", None),))) == []
    assert list(tmp_path.iterdir()) == []
