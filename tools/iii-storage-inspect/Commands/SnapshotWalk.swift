import ArgumentParser
import Storage

/// What `SnapshotChild` runs: reads a snapshot and tells on standard output what it finds, as `ChildFrame`s.
struct SnapshotWalk: InspectCommand {
    static let name = "snapshot-walk"
    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Internal: the process that reads a snapshot for other commands.",
        shouldDisplay: false
    )

    /// Rows between two signs of progress.
    private static let progressRows: UInt64 = 10_000

    /// Beside an engine whose checkpoints follow each other faster than the rows can be read.
    private static let attempts = 5

    @Argument(help: "The store's directory.")
    var path: String

    @OptionGroup var key: KeyArguments

    @Flag(help: "Visit every row.")
    var deep = false

    @Flag(help: "Derive the content anew from the log and compare.")
    var replay = false

    @Flag(help: "Tell every row.")
    var rows = false

    @Option(help: "Only rows of these tables.")
    var table: [TableID] = []

    func run(on console: Console) throws -> ProcessStatus {
        do {
            try tell(console)
        } catch let error as StorageError {
            try ChildFrame(.failure, ErrorJSON.json(error)).write(to: console)
        }
        return .sound
    }

    private func tell(_ console: Console) throws {
        for _ in 0..<Self.attempts where try look(console) { return }
        try ChildFrame(kind: .end, number: ChildFrame.overtaken).write(to: console)
    }

    /// False: an engine took a checkpoint meanwhile, so that what was read is of several moments. Everything is told anew
    /// then, from the facts on.
    private func look(_ console: Console) throws -> Bool {
        let (snapshot, refusal) = try open()
        try ChildFrame(.facts, facts(snapshot)).write(to: console)
        if let refusal { try ChildFrame(.refusal, ErrorJSON.json(refusal)).write(to: console) }
        guard deep || rows else {
            try ChildFrame(kind: .end, number: 1).write(to: console)
            return true
        }
        for table in table { _ = try walk(snapshot, table, console) }
        let report = table.isEmpty ? try walk(snapshot, nil, console) : SnapshotReport.nothing
        guard report.span.isOneMoment else { return false }
        if replay {
            let replayed = try snapshot.compareWithReplay(keys: try key.keys())
            if case .impossible(SnapshotReplay.overtaken) = replayed { return false }
            try ChildFrame(.replay, ReplayReport.json(replayed)).write(to: console)
        }
        try ChildFrame(kind: .end, number: report.matchesCheckpoint ? 1 : 0).write(to: console)
        return true
    }

    private func facts(_ snapshot: SnapshotInspector) -> JSON {
        SnapshotFactsReport.json(snapshot.facts).adding([("storeID", JSON(snapshot.storeID))])
    }

    /// A running engine may have gone on meanwhile: what is wrong must be wrong with what the snapshot says now. LMDB
    /// must not be open twice in a process.
    private func open() throws -> (SnapshotInspector, StorageError?) {
        do {
            let snapshot = try inspector()
            let refusal = try snapshot.logRefusal()
            let isHeld = try refusal != nil && LogInspector(path: path).facts().lock.isHeld
            if !isHeld { return (snapshot, refusal) }
        }
        let snapshot = try inspector()
        return (snapshot, try snapshot.logRefusal())
    }

    /// For its rows a damaged snapshot is read as far as that goes, whatever then becomes of this process.
    private func inspector() throws -> SnapshotInspector {
        try SnapshotInspector(
            path: path,
            keys: try key.keys(),
            needsKeys: rows,
            pages: rows ? .never : deep ? .always : .small
        )
    }

    private func walk(_ snapshot: SnapshotInspector, _ table: TableID?, _ console: Console) throws -> SnapshotReport {
        var count: UInt64 = 0
        // Whatever ends this process at a damaged page, all rows before it must have been told. Only then.
        return try snapshot.walk(table, rows ? .inOneRead : .inPages) { item in
            count += 1
            switch item {
            case .damaged(let row):
                let frame = ChildFrame(
                    kind: .damaged,
                    table: row.table,
                    number: row.isUnproven ? 1 : 0,
                    key: row.key,
                    value: Bytes(row.reason.utf8)
                )
                try frame.write(to: console)
            case .row(let row) where rows:
                let frame = ChildFrame(
                    kind: .row,
                    table: row.table,
                    number: row.lsn.rawValue,
                    key: row.key,
                    value: row.value
                )
                try frame.write(to: console)
            case .row, .sealed:
                guard count % Self.progressRows == 0 else { break }
                try ChildFrame(kind: .progress, number: count).write(to: console)
            }
            return true
        }
    }
}

extension SnapshotReport {
    fileprivate static let nothing = SnapshotReport(damaged: [], isWhole: true, matchesCheckpoint: true)
}
