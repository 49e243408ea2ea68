"""The ticket files: the same for everyone, with exactly the dirt the manifest tells."""

import csv
import io
import subprocess
import sys
import time
from collections import Counter, defaultdict
from datetime import date, datetime

import pytest
from local_cloud.seed import tickets
from local_cloud.seed.plan import FilePlan, SeedSettings, drop_file, plan_files, tickets_per_day
from local_cloud.seed.requests import SERVICES, load_language, plain_sentences
from local_cloud.seed.tickets import COLUMNS, TicketWriter

SETTINGS = SeedSettings(rows=40_000)


@pytest.fixture(scope="module")
def made() -> tuple[list[FilePlan], list[bytes], "Counter[str]"]:
    files, manifest = list(plan_files(SETTINGS)), Counter[str]()
    writer = TicketWriter(SETTINGS)
    return files, [b"".join(writer.blocks(file, manifest)) for file in files], manifest


def records(file: FilePlan, content: bytes) -> list[list[str]]:
    """The file's records by Python's own csv, one physical record each, header left out, bad quoting cut off
    first.
    """
    text = content.decode(file.encoding).replace("\r\n", "\n")
    sound = [line for line in text.split("\n") if "never closed the quote" not in line]
    return list(csv.reader(io.StringIO("\n".join(sound), newline="")))[1:]


def test_the_manifest_counts_what_the_files_hold(
    made: tuple[list[FilePlan], list[bytes], "Counter[str]"],
) -> None:
    files, contents, manifest = made
    found: Counter[str] = Counter()
    for file, content in zip(files, contents, strict=True):
        seen: set[tuple[str, ...]] = set()
        found["broken_quote"] += content.count(b"never closed the quote")
        found["files_header_only"] += len(content.decode(file.encoding).splitlines()) == 1
        found["files_crlf"] += b"\r\n" in content
        for fields in records(file, content):
            found["rows"] += 1
            found["too_few_fields"] += len(fields) < len(COLUMNS)
            found["too_many_fields"] += len(fields) > len(COLUMNS)
            if len(fields) != len(COLUMNS):
                continue
            found["exact_duplicates"] += tuple(fields) in seen
            seen.add(tuple(fields))
            bad_date = not all(_is_timestamp(text) for text in fields[3:6] if text)
            wrong_number = fields[12] not in ("", "1", "2", "3", "4", "5")
            found["bad_date"] += bad_date
            found["wrong_number"] += wrong_number
            if not bad_date and not wrong_number:
                found["late"] += fields[3][:10] < str(file.day)
                found["unknown_customers"] += int(fields[1][1:]) >= SETTINGS.customers
                found["quoted_newlines"] += "\n" in fields[10]
                found["quotes_in_quotes"] += '"' in fields[10]
    found["rows"] += found["broken_quote"]
    assert found == Counter({name: manifest[name] for name in found})
    assert all(count > 0 for count in found.values()), found
    kinds = ("bad_date", "wrong_number", "too_few_fields", "too_many_fields", "broken_quote")
    assert manifest["malformed"] == sum(found[kind] for kind in kinds)
    copies = manifest["exact_duplicates"] + manifest["same_day_updates"] + manifest["later_day_updates"]
    assert manifest["rows"] == manifest["tickets"] + copies
    assert manifest["tickets"] == SETTINGS.rows


def _is_timestamp(text: str) -> bool:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").year > 1
    except ValueError:
        return False


def test_updates_come_later_and_tell_more(made: tuple[list[FilePlan], list[bytes], "Counter[str]"]) -> None:
    files, contents, manifest = made
    versions: defaultdict[str, list[tuple[date, list[str]]]] = defaultdict(list)
    for file, content in zip(files, contents, strict=True):
        for fields in records(file, content):
            if len(fields) == len(COLUMNS):
                versions[fields[0]].append((file.day, fields))
    updates = [seen for seen in versions.values() if len(seen) == 2 and seen[0][1] != seen[1][1]]
    same_day = [seen for seen in updates if seen[0][0] == seen[1][0]]
    assert len(same_day) == manifest["same_day_updates"]
    assert len(updates) - len(same_day) == manifest["later_day_updates"]
    assert all(first[1][5] == "" and second[1][5] != "" for first, second in updates)
    assert max(map(len, versions.values())) == 2


def test_every_encoding_occurs(made: tuple[list[FilePlan], list[bytes], "Counter[str]"]) -> None:
    files, contents, _ = made
    assert {file.encoding for file in files} == {"utf-8", "utf-8-sig", "cp1252", "latin-1"}
    undecodable = 0
    for file, content in zip(files, contents, strict=True):
        assert content.startswith(b"\xef\xbb\xbf") == (file.encoding == "utf-8-sig")
        if file.encoding in ("cp1252", "latin-1") and file.first < file.last:
            with pytest.raises(UnicodeDecodeError):
                content.decode("utf-8")
            undecodable += 1
    assert undecodable


def test_content_is_the_same_in_any_blocks_and_order(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SeedSettings(rows=6_000, days=3)
    files = list(plan_files(settings))
    whole = [b"".join(TicketWriter(settings).blocks(file, Counter())) for file in files]
    monkeypatch.setattr(tickets, "BLOCK", 97)
    writer, counts = TicketWriter(settings), [Counter[str]() for _ in files]
    backwards = [b"".join(writer.blocks(files[i], counts[i])) for i in reversed(range(len(files)))]
    assert backwards[::-1] == whole
    other = SeedSettings(rows=6_000, days=3, seed=8)
    assert b"".join(TicketWriter(other).blocks(files[0], Counter())) != whole[0]


def test_the_days_share_the_rows_and_weekends_are_quiet() -> None:
    days = tickets_per_day(SeedSettings(rows=1_000_003))
    assert sum(days) == 1_000_003
    assert days[2] < days[1] / 2  # 2026-01-03 is a Saturday
    assert len(list(plan_files(SeedSettings(rows=100_000_000)))) > 1000


def test_a_drop_holds_new_tickets() -> None:
    writer = TicketWriter(SeedSettings())
    first, second = (
        b"".join(writer.blocks(drop_file(date(2026, 1, 15), number, 50), Counter())) for number in (0, 1)
    )
    ids = [{line.split(b",")[0] for line in content.splitlines()[1:]} for content in (first, second)]
    assert not ids[0] & {i for i in ids[1] if i.startswith(b"T")}
    with pytest.raises(ValueError, match="50 drops"):
        drop_file(date(2026, 1, 15), 50, 10)


def test_memory_does_not_grow_with_the_size() -> None:
    """The 100-million-row seed in its own process: 60 blocks of its first file against 6."""
    program = (
        "import itertools, resource, sys\n"
        "from collections import Counter\n"
        "from local_cloud.seed.plan import SeedSettings, plan_files\n"
        "from local_cloud.seed.tickets import TicketWriter\n"
        "settings = SeedSettings(rows=100_000_000)\n"
        "writer, blocks = TicketWriter(settings), 0\n"
        "for file in plan_files(settings):\n"
        "    for block in writer.blocks(file, Counter()):\n"
        "        blocks += 1\n"
        "        if blocks == int(sys.argv[1]):\n"
        "            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "            sys.exit()\n"
    )
    peaks = [
        int(subprocess.run([sys.executable, "-c", program, blocks], check=True, capture_output=True).stdout)
        for blocks in ("6", "60")
    ]

    assert peaks[1] - peaks[0] < 30_000, peaks  # kB


def test_the_language_is_botocores_and_loads_quickly() -> None:
    load_language.cache_clear()
    started = time.process_time()
    language = load_language()
    assert time.process_time() - started < 5
    assert len(language.services) == len(SERVICES) == 25
    assert sum(map(len, language.sentences)) > 4_000
    assert load_language() is language


def test_documentation_becomes_sentences() -> None:
    text = (
        "<p>Creates a <i>secret</i> &amp; keeps it for you. It stays until it is removed now.</p><p>No.</p>"
    )
    expected = ["Creates a secret & keeps it for you.", "It stays until it is removed now."]
    assert plain_sentences(text) == expected
