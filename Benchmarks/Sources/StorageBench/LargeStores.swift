import BenchKit
import Glibc

/// Stores of gigabytes, built once and shared by the figures that need them; with `--keep` also by the next run.
extension StorageBench {
    private static let rowBytes = valueBytes + 8

    /// Rows of a store with so much user data.
    static func rows(mebibytes: Int) -> Int { mebibytes << 20 / rowBytes }

    /// A closed store of ours.
    func largeStore(mebibytes: Int) throws -> String {
        try cached("ours-\(mebibytes)") { folder in
            let store = try StoreUnderTest(folder)
            try store.fill(count: UInt64(Self.rows(mebibytes: mebibytes)), valueBytes: Self.valueBytes)
            try store.checkpoint()
            try store.close()
        }
    }

    /// The same rows in a plain LMDB environment.
    func largeLMDB(mebibytes: Int) throws -> String {
        try cached("lmdb-\(mebibytes)") { folder in
            let lmdb = try Peer(.lmdb(mapBytes: Self.mapBytes(mebibytes), renews: true), folder)
            try lmdb.fill(count: Self.rows(mebibytes: mebibytes), valueBytes: Self.valueBytes)
        }
    }

    /// Twice the user data: B-tree pages are never quite full.
    static func mapBytes(_ mebibytes: Int) -> Int { (mebibytes + 64) << 21 }

    /// A mark beside the folder says that it was built to the end.
    private func cached(_ name: String, _ build: (String) throws -> Void) throws -> String {
        let folder = path("cache/\(name)")
        let mark = folder + ".complete"
        if Folder.exists(mark) { return folder }
        try Folder.remove(folder)
        try Folder.make(folder)
        log("building \(name) …")
        let start = monotonicNanoseconds()
        try build(folder)
        sync()
        try writeFile(mark, "")
        let seconds = Double(monotonicNanoseconds() - start) / 1e9
        let mebibytes = Folder.allocatedBytes(folder) >> 20
        log("built \(name) in \(formatted(seconds)) s; it takes \(mebibytes) MiB")
        return folder
    }

    /// Reads every file of a folder once, so that both sides of a figure find theirs in the page cache.
    func warmPageCache(_ folder: String) throws {
        _ = try ChildProcess(
            "sh",
            ["-c", "find \"$0\" -type f -exec cat {} + >/dev/null", folder],
            logPath: path("warm.log")
        ).output()
    }
}
