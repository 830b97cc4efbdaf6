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

    @Argument(help: "The store's directory.")
    var path: String

    @OptionGroup var key: KeyArguments

    @Flag(help: "Visit every row.")
    var deep = false

    @Flag(help: "Derive the content anew from the log and compare.")
    var replay = false

    @Flag(help: "Tell every row.")
    var rows = false

    @Flag(help: "From the last row to the first.")
    var reversed = false

    func run(on console: Console) throws -> ProcessStatus {
        do {
            try tell(console)
        } catch let error as StorageError {
            try ChildFrame(.failure, ErrorJSON.json(error)).write(to: console)
        }
        return .sound
    }

    private func tell(_ console: Console) throws {
        let (snapshot, refusal) = try open()
        try ChildFrame(.facts, facts(snapshot)).write(to: console)
        if let refusal { try ChildFrame(.refusal, ErrorJSON.json(refusal)).write(to: console) }
        guard deep || rows else { return try ChildFrame(kind: .end, number: 1).write(to: console) }
        let report = try walk(snapshot, console)
        if replay {
            try ChildFrame(.replay, ReplayReport.json(try snapshot.compareWithReplay(keys: try key.keys())))
                .write(to: console)
        }
        try ChildFrame(kind: .end, number: report.matchesCheckpoint ? 1 : 0).write(to: console)
    }

    private func facts(_ snapshot: SnapshotInspector) -> JSON {
        SnapshotFactsReport.json(snapshot.facts).adding([("storeID", JSON(snapshot.storeID))])
    }

    /// A running engine may have gone on meanwhile: what is wrong must be wrong with what the snapshot says now. LMDB
    /// must not be open twice in a process.
    private func open() throws -> (SnapshotInspector, StorageError?) {
        do {
            let snapshot = try SnapshotInspector(path: path, keys: try key.keys())
            let refusal = try snapshot.logRefusal()
            let isHeld = try refusal != nil && LogInspector(path: path).facts().lock.isHeld
            if !isHeld { return (snapshot, refusal) }
        }
        let snapshot = try SnapshotInspector(path: path, keys: try key.keys())
        return (snapshot, try snapshot.logRefusal())
    }

    private func walk(_ snapshot: SnapshotInspector, _ console: Console) throws -> SnapshotReport {
        var count: UInt64 = 0
        return try snapshot.walk(reversed: reversed) { item in
            count += 1
            switch item {
            case .damaged(let row):
                let frame = ChildFrame(kind: .damaged, table: row.table, key: row.key, value: Bytes(row.reason.utf8))
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
            case .row:
                guard count % Self.progressRows == 0 else { break }
                try ChildFrame(kind: .progress, number: count).write(to: console)
            }
            return true
        }
    }
}
