import Storage

/// A file that gets its name when it is complete and on the device, never in place of another.
final class ExportFile {
    private static let bufferBytes = 1 << 16
    /// What every export begins with: how an interrupted one is told from somebody else's file.
    private static let beginnings = [#"{"table":"#, #"{"type":"trailer","#]

    private let file: PartialFile
    private var buffer: [UInt8] = []

    /// - Throws: if something has the name, or its `.partial` and is not what an interrupted export left.
    init(_ path: String) throws {
        try NewPath.require(path)
        file = try Self.translating { () throws(SystemCallError) in
            try PartialFile(path, beginsAs: Self.beginnings.map { Array($0.utf8) })
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer) throws {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    func finish() throws {
        try flush()
        try Self.translating { () throws(SystemCallError) in try file.finish() }
    }

    func discard() {
        file.discard()
    }

    private func flush() throws {
        try Self.translating { () throws(SystemCallError) in try file.write(buffer) }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func translating<R>(_ body: () throws(SystemCallError) -> R) throws -> R {
        do {
            return try body()
        } catch {
            throw failure(error)
        }
    }

    private static func failure(_ error: SystemCallError) -> CommandFailure {
        if error.isInUse {
            return CommandFailure(
                "another export writes there",
                path: error.path,
                remedy: "wait until it has finished, or name another file",
                status: .usage
            )
        }
        if error.isExisting {
            return CommandFailure(
                "something is there already",
                path: error.path,
                remedy: "move it away, or name another file"
            )
        }
        return CommandFailure("the export can't be written", error, remedy: "nothing was left behind")
    }
}
