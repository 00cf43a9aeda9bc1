"""dateutil reads dates, counts days, and knows the time elsewhere. No inputs."""

import datetime
from dateutil import parser, relativedelta, rrule, tz

read = {
    "2024-02-29": (2024, 2, 29),
    "29 Feb 2024": (2024, 2, 29),
    "February 29th, 2024": (2024, 2, 29),
    "20240229T101500": (2024, 2, 29, 10, 15),
    "Thu, 29 Feb 2024 10:15:00": (2024, 2, 29, 10, 15),
}
for text, parts in read.items():
    assert parser.parse(text) == datetime.datetime(*parts), text
assert parser.parse("03/04/2024", dayfirst=True).month == 4
assert parser.isoparse("2024-W09-4") == datetime.datetime(2024, 2, 29)
for bad in ("no date", "2024-02-30", "32 Feb 2024"):
    try:
        parser.parse(bad)
    except ValueError:
        pass
    else:
        raise AssertionError(bad)

start = datetime.datetime(2024, 1, 31)
assert start + relativedelta.relativedelta(months=1) == datetime.datetime(2024, 2, 29)
apart = relativedelta.relativedelta(datetime.datetime(2026, 3, 1), start)
assert (apart.years, apart.months, apart.days) == (2, 1, 1), apart
ends = list(rrule.rrule(rrule.MONTHLY, bymonthday=-1, count=3, dtstart=start))
assert [day.day for day in ends] == [31, 29, 31]
rule = rrule.rrulestr("DTSTART:20240101T090000\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4")
assert [day.day for day in rule] == [1, 3, 8, 10]

paris = tz.gettz("Europe/Paris")
assert paris is not None
summer = datetime.datetime(2024, 7, 1, 12, tzinfo=paris)
winter = datetime.datetime(2024, 1, 1, 12, tzinfo=paris)
hours = [moment.utcoffset() / datetime.timedelta(hours=1) for moment in (summer, winter)]
assert hours == [2, 1], hours
assert summer.astimezone(tz.gettz("Asia/Tokyo")).hour == 19 and summer.astimezone(tz.UTC).hour == 10
# The night in which 2:30 comes twice.
twice = datetime.datetime(2024, 10, 27, 2, 30, tzinfo=paris)
assert tz.datetime_ambiguous(twice) and not tz.datetime_exists(twice.replace(month=3, day=31))
assert parser.parse("2024-07-01T12:00:00+02:00") == summer
assert parser.parse("2024-07-01T10:00:00Z").tzinfo == tz.tzutc()
