"""SQLite in scratch, with every kind of journal, from several threads."""

import sqlite3, threading

for journal in ("delete", "truncate", "persist", "memory", "wal"):
    path = journal + ".db"
    base = sqlite3.connect(path, timeout=50)
    # Without /dev/shm and locks of files a database would answer with another journal than was asked for.
    assert base.execute("pragma journal_mode=" + journal).fetchone() == (journal,)
    base.execute("create table t(a integer primary key, b text)")
    base.executemany("insert into t(b) values(?)", [(str(n),) for n in range(5000)])
    base.commit()

    def add():
        own = sqlite3.connect(path, timeout=50)
        with own:
            own.execute("insert into t(b) values('of a thread')")
        own.close()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert base.execute("select count(*) from t").fetchone() == (5004,)
    base.execute("create index i on t(b)")
    base.execute("vacuum")
    assert base.execute("pragma integrity_check").fetchone() == ("ok",)
    base.close()
