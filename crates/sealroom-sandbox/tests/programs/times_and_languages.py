"""zoneinfo, datetime, locale, and words in other alphabets."""

import datetime, locale, sys, time, unicodedata

try:
    import zoneinfo
except ImportError:  # before Python 3.9
    zoneinfo = None
if zoneinfo:
    summer = datetime.datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Paris"))
    assert summer.utcoffset() == datetime.timedelta(hours=2)
    assert summer.astimezone(zoneinfo.ZoneInfo("Asia/Tokyo")).hour == 19
now = datetime.datetime.now(datetime.timezone.utc)
assert now.year >= 2024 and abs(now.timestamp() - time.time()) < 60
assert datetime.datetime.strptime("2024-02-29", "%Y-%m-%d").strftime("%A") == "Thursday"
start = time.monotonic()
time.sleep(0.01)
assert time.monotonic() > start and time.perf_counter() > 0 and time.process_time() > 0
locale.setlocale(locale.LC_ALL, "")
assert sys.getfilesystemencoding() == "utf-8" and locale.getpreferredencoding() in (
    "UTF-8",
    "utf-8",
)
assert unicodedata.normalize("NFD", "é") == "e\u0301"
with open("größe-数.txt", "w") as file:
    file.write("数")
with open("größe-数.txt") as file:
    assert file.read() == "数"
