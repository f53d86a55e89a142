import SQL

/// Tables of the core. `event`, `subject`, `definition` and `counter` are the truth; `case_index` and `task` are made out of it
/// and can be made again.
enum CaseSchema {
    static func migrations(_ database: some SQLDatabase) -> Migrations {
        Migrations(
            Migrations.Step(
                [
                    // `key` is the subject's, wrapped; null once it was erased.
                    """
                    CREATE TABLE subject (
                        id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, process TEXT NOT NULL, form TEXT NOT NULL,
                        received INTEGER NOT NULL, key BLOB, erased INTEGER)
                    """,
                    "CREATE TABLE definition (digest TEXT PRIMARY KEY, process TEXT NOT NULL, text BLOB NOT NULL)",
                    // Two writers of one version: the second is told by `UNIQUE (subject, version)`; one command twice by
                    // `UNIQUE (key, subject)`.
                    """
                    CREATE TABLE event (
                        position INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL REFERENCES subject (id),
                        version INTEGER NOT NULL, at INTEGER NOT NULL, recorded INTEGER NOT NULL, action TEXT NOT NULL,
                        body BLOB NOT NULL, box BLOB, digest TEXT NOT NULL, key TEXT NOT NULL, command TEXT NOT NULL,
                        UNIQUE (subject, version), UNIQUE (key, subject))
                    """,
                    // Numbers without a gap, one row a series.
                    "CREATE TABLE counter (series TEXT PRIMARY KEY, last INTEGER NOT NULL)",
                    """
                    CREATE TABLE case_index (
                        subject TEXT PRIMARY KEY REFERENCES subject (id), number INTEGER NOT NULL, process TEXT NOT NULL,
                        state TEXT NOT NULL, final INTEGER NOT NULL, running INTEGER NOT NULL,
                        lead TEXT, version INTEGER NOT NULL, told INTEGER NOT NULL)
                    """,
                    "CREATE INDEX case_index_open ON case_index (final, state, number)",
                    "CREATE INDEX case_index_running ON case_index (running, number)",
                    """
                    CREATE TABLE task (
                        subject TEXT NOT NULL REFERENCES subject (id), task INTEGER NOT NULL, kind TEXT NOT NULL,
                        unit TEXT NOT NULL, assignee TEXT, opened INTEGER NOT NULL, PRIMARY KEY (subject, task))
                    """,
                    "CREATE INDEX task_unit ON task (unit, opened)",
                ] + database.appendOnly("event") + database.appendOnly("definition")))
    }
}
