import BenchKit
import CBench
import Glibc

/// Opening after SIGKILL with a full log and no checkpoint, against reading and checksumming those bytes.
///
/// The child updates by 64 lanes until the log holds 64 MiB, then kills itself. Each repeat opens a copy of what it left,
/// in a process of its own. The peer reads as recovery does, around the page cache.
extension StorageBench {
    private var logBytes: Int { (options.isQuick ? 4 : 64) << 20 }

    func recovery() throws -> [Row] {
        try withFolder("recovery") { folder in
            let written = try child(.fillLog, ["\(folder)/killed", "\(logBytes)"], endedBy: SIGKILL)
            let usedBytes = Int(try told(written, "log-bytes"))
            var opened: [[String: Double]] = []
            var direct: [Double] = []
            var cached: [Double] = []
            try interleaved([
                { opened.append(try openCopy(folder)) },
                { direct.append(try readLog("\(folder)/killed/wal", usedBytes, isDirect: true)) },
                { cached.append(try readLog("\(folder)/killed/wal", usedBytes, isDirect: false)) },
            ])
            return [try recoveryRow(opened, direct, cached, usedBytes)]
        }
    }

    private func recoveryRow(_ opened: [[String: Double]], _ direct: [Double], _ cached: [Double], _ usedBytes: Int)
        throws -> Row
    {
        var pairs = Pairs()
        for (values, peer) in zip(opened, direct) {
            pairs.append(ours: try told(values, "open-milliseconds"), peer: peer)
        }
        let records = try told(opened[0], "records")
        let rate = records / median(pairs.ours) * 1000
        let memory = median(try opened.map { try told($0, "resident-mib") })
        return .ratio(
            "open after SIGKILL with \(usedBytes >> 20) MiB of log against reading and checksumming it",
            pairs,
            unit: "ms",
            threshold: .atMost(bar: 6, goal: 3),
            limit: "\(formatted(records)) records, \(formatted(rate)) /s; \(formatted(memory)) MiB resident after it; "
                + "from the page cache the peer takes \(formatted(median(cached))) ms"
        )
    }

    private func openCopy(_ folder: String) throws -> [String: Double] {
        let copy = "\(folder)/copy"
        try Folder.remove(copy)
        _ = try ChildProcess("cp", ["-a", "--sparse=never", "\(folder)/killed", copy], logPath: path("cp.log")).output()
        // The copy's own way to the disk is not the recovery's.
        sync()
        return try child(.open, [copy])
    }

    /// Milliseconds for so many bytes of the folder's segments, in their order.
    private func readLog(_ folder: String, _ usedBytes: Int, isDirect: Bool) throws -> Double {
        let segments = try ChildProcess("ls", [folder], logPath: path("ls.log")).output()
            .split(separator: "\n").filter { $0.hasSuffix(".wal") }.sorted()
        var left = usedBytes
        var crc: UInt32 = 0
        let start = monotonicNanoseconds()
        for segment in segments where left > 0 {
            let count = cbench_read_and_checksum("\(folder)/\(segment)", isDirect ? 1 : 0, Int64(left), &crc)
            guard count >= 0 else { throw BenchError("can't read \(folder)/\(segment)") }
            left -= Int(count)
        }
        return Double(monotonicNanoseconds() - start) / 1e6
    }
}

extension Child {
    static func fillLog(_ arguments: [String]) throws {
        var settings = StoreUnderTest.Settings()
        settings.checkpointsByItself = false
        let store = try StoreUnderTest(try argument(arguments, 0), settings)
        let bytes = UInt64(try number(arguments, 1))
        let loop = ClosedLoop([.puts(store, lanes: 64)])
        try loop.start()
        while store.store.metrics.bytes < bytes {
            if let error = loop.control.failure.withLock({ $0 }) { throw error }
            sleep(milliseconds: 1)
        }
        let metrics = store.store.metrics
        tell("log-bytes", Int(metrics.bytes) + Int(metrics.segments) * 4096)
        fflush(nil)
        kill(getpid(), SIGKILL)
    }

    static func open(_ arguments: [String]) throws {
        let before = try ProcessFacts.memory()
        let start = monotonicNanoseconds()
        let store = try StoreUnderTest(try argument(arguments, 0))
        let opened = monotonicNanoseconds()
        let memory = try ProcessFacts.memory()
        tell("open-milliseconds", Double(opened - start) / 1e6)
        tell("records", Double(store.store.recovery.recordsReplayed))
        tell("before-mib", Double(before.residentKiB) / 1024)
        tell("resident-mib", Double(memory.residentKiB) / 1024)
        tell("anonymous-mib", Double(memory.anonymousKiB) / 1024)
        tell("file-mib", Double(memory.fileKiB) / 1024)
        let reader = Reader(store)
        let readStart = monotonicNanoseconds()
        guard reader.readCopied(0) else { throw BenchError("the store has lost its first row") }
        tell("first-read-milliseconds", Double(monotonicNanoseconds() - readStart) / 1e6)
        try store.close()
    }
}
