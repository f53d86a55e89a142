import SQL

/// Tables of the core. `event`, `subject`, `definition`, `counter`, `correspondent`, `document` and `access` are the truth;
/// `case_index`, `task`, `visible`, `turn`, `words`, `word`, `page`, `post`, `credential`, `paper_awaited`, `figure` and `reminder` are made out of
/// it and can be made again.
enum CaseSchema {
    static func tables(_ database: some SQLDatabase) -> [String] {
        truth + projections + ["event", "definition", "access"].flatMap { database.appendOnly($0) }
    }

    private static let truth = [
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
            body BLOB NOT NULL, box BLOB NOT NULL, digest TEXT NOT NULL, key TEXT NOT NULL, command TEXT NOT NULL,
            UNIQUE (subject, version), UNIQUE (key, subject))
        """,
        // Numbers without a gap, one row a series.
        "CREATE TABLE counter (series TEXT PRIMARY KEY, last INTEGER NOT NULL)",
        // Keys with which the core answers the sender of a case, whose messages name the case by `lookup`.
        """
        CREATE TABLE correspondent (
            subject TEXT PRIMARY KEY REFERENCES subject (id), lookup TEXT NOT NULL, receipt TEXT NOT NULL, box BLOB NOT NULL,
            UNIQUE (lookup), UNIQUE (receipt))
        """,
        // Files in pieces, each under the subject's key.
        """
        CREATE TABLE document (
            subject TEXT NOT NULL REFERENCES subject (id), number INTEGER NOT NULL, piece INTEGER NOT NULL,
            box BLOB NOT NULL, PRIMARY KEY (subject, number, piece))
        """,
        // Who read what; lines of one writer chain.
        """
        CREATE TABLE access (
            position INTEGER PRIMARY KEY AUTOINCREMENT, writer TEXT NOT NULL, n INTEGER NOT NULL, line TEXT NOT NULL,
            UNIQUE (writer, n))
        """,
    ]

    /// Rows are made again by the case's number; those of `word` are only added to.
    private static let projections = [
        // `line` is what a list says of the case, under the subject's key; empty of one that was erased.
        """
        CREATE TABLE case_index (
            number INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE REFERENCES subject (id), process TEXT NOT NULL,
            state TEXT NOT NULL, final INTEGER NOT NULL, running INTEGER NOT NULL,
            lead TEXT, version INTEGER NOT NULL, told INTEGER NOT NULL, next INTEGER, line BLOB NOT NULL)
        """,
        "CREATE INDEX case_index_running ON case_index (running, number)",
        // When the next rung may be due.
        "CREATE INDEX case_index_next ON case_index (next)",
        """
        CREATE TABLE task (
            number INTEGER NOT NULL, task INTEGER NOT NULL, kind TEXT NOT NULL, unit TEXT NOT NULL, assignee TEXT,
            opened INTEGER NOT NULL, PRIMARY KEY (number, task))
        """,
        "CREATE INDEX task_unit ON task (unit, opened)",
        // `viewer` is a role, or a role of a unit; `final` where nothing is to come, no clock either.
        """
        CREATE TABLE visible (
            viewer TEXT NOT NULL, final INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (viewer, number))
        """,
        "CREATE INDEX visible_open ON visible (viewer, final, number)",
        "CREATE INDEX visible_number ON visible (number)",
        // For whom a case waits, and until when: an estimate, for the order of a list.
        """
        CREATE TABLE turn (
            viewer TEXT NOT NULL, due INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (viewer, number))
        """,
        "CREATE INDEX turn_due ON turn (viewer, due, number)",
        "CREATE INDEX turn_number ON turn (number)",
        // Every word of a case, as a search compares it, under the subject's key.
        "CREATE TABLE words (number INTEGER PRIMARY KEY, box BLOB NOT NULL)",
        // Numbers that stand for words, and the cases in which they stand.
        """
        CREATE TABLE word (
            token INTEGER NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (token, number)) WITHOUT ROWID
        """,
        // `version` is that of the event which published the page last; `published` whether it stands.
        """
        CREATE TABLE page (
            number INTEGER PRIMARY KEY, subject TEXT NOT NULL, version INTEGER NOT NULL, published INTEGER NOT NULL)
        """,
        // Posts in force, with their last moment, and keys that are trusted.
        """
        CREATE TABLE post (
            number INTEGER PRIMARY KEY, person TEXT NOT NULL, role TEXT NOT NULL, unit TEXT NOT NULL,
            since INTEGER NOT NULL, until INTEGER)
        """,
        "CREATE INDEX post_person ON post (person)",
        """
        CREATE TABLE credential (
            number INTEGER PRIMARY KEY, person TEXT NOT NULL, key TEXT NOT NULL UNIQUE, level INTEGER NOT NULL)
        """,
    ]
}
