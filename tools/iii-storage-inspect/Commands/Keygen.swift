import ArgumentParser
import Glibc
import Storage

struct Keygen: InspectCommand {
    static let configuration = CommandConfiguration(
        commandName: "keygen",
        abstract: "Make a random key for encryption at rest.",
        discussion: """
            64 hexadecimal digits and a line break, on standard output or in a new file that only its owner can read \
            (mode 0600). An existing file is never overwritten. Keep a copy apart from the store: without its key a store \
            can't be read by anyone.
            """
    )

    @Option(help: ArgumentHelp("Write the key into this file; must not exist.", valueName: "file"))
    var output: String?

    func run(on console: Console) throws -> ProcessStatus {
        let text = EncryptionKey.newText() + "\n"
        guard let output else {
            try console.write(text)
            return .sound
        }
        try Self.write(text, to: output)
        let key = try EncryptionKey(file: output)
        try console.write("key \(key.id) written to \(output)\n")
        return .sound
    }

    private static func write(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            guard errno == EEXIST else { throw failure("open", path) }
            throw CommandFailure("the file is there already", path: path, remedy: "name one that does not exist yet")
        }
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        // The mode in spite of any umask.
        guard fchmod(descriptor, 0o600) == 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count,
            fsync(descriptor) == 0
        else {
            let failure = failure("write", path)
            unlink(path)
            throw failure
        }
        try syncName(of: path)
    }

    /// A key that a power cut takes away makes a store that nobody can read.
    private static func syncName(of path: String) throws {
        let parent = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw failure("open", parent) }
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw failure("fsync", parent) }
    }

    private static func failure(_ call: String, _ path: String) -> CommandFailure {
        let error = SystemCallError(call: call, number: errno, path: path)
        return CommandFailure("the key can't be written", error, remedy: "name another file")
    }
}
