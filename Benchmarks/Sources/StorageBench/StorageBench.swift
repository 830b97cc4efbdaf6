import BenchKit
import Glibc

/// What every figure needs: folders on the disk that is measured, durations, the disk's own limit.
struct StorageBench: Sendable {
    /// Small values of the design's targets.
    static let valueBytes = 256
    /// Random updates go to this many keys.
    static let keySpace = 100_000

    let options: BenchOptions

    init(_ options: BenchOptions) throws {
        self.options = options
        try Folder.make(options.directory)
    }

    var windowNanoseconds: Int { Int(options.seconds * 1e9) }
    var warmUpNanoseconds: Int { min(300_000_000, windowNanoseconds / 4) }

    func log(_ text: String) {
        printToStandardError("storage-bench: \(text)")
    }

    func path(_ name: String) -> String { "\(options.directory)/\(name)" }

    /// An empty folder under the run's, which `body` may fill; removed afterwards.
    func withFolder<Result>(_ name: String, _ body: (String) throws -> Result) throws -> Result {
        let folder = path(name)
        try Folder.remove(folder)
        try Folder.make(folder)
        defer { try? Folder.remove(folder) }
        return try body(folder)
    }

    /// Runs every side once per repeat, in turns; every other repeat in reverse, so that none always comes first.
    func interleaved(_ sides: [() throws -> Void]) throws {
        for round in 0..<options.repeats {
            for side in round % 2 == 0 ? sides : sides.reversed() { try side() }
        }
    }

    /// Removes what the run left, the large stores only if they aren't to be kept.
    func cleanUp() {
        guard !options.keeps else { return log("kept \(options.directory)") }
        try? Folder.remove(options.directory)
    }
}
