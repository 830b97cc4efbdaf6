import Glibc
import StorageDrill

@testable import iii_storage_inspect

/// Runs the built tool under the recorder of system calls and compares the files that it left with those that a power cut
/// right after its end would leave.
struct SyncAudit {
    /// The tool's files are below it.
    let root: String
    private let scratch: String

    init(_ scratch: Scratch) throws {
        self.scratch = scratch.path
        root = scratch.path + "/root"
        guard mkdir(root, 0o700) == 0 else { throw SystemError("mkdir", root) }
    }

    struct Result {
        var output: String
        var status: Int32
        /// What the power cut took away, as lines of `diff`; lock files hold nothing.
        var lost: [String]
        /// Calls that the recorder did not understand.
        var unexplained: [String]
    }

    struct SystemError: Error {
        var call: String

        init(_ call: String, _ path: String) {
            self.call = "\(call) \(path): errno \(errno)"
        }
    }

    private static let ignored = ["LOCK", "lock.mdb"]

    /// - Parameters:
    ///   - arguments: as the shell takes them.
    ///   - forgetting: syncs that the recorder leaves out, to see whether the audit notices.
    func run(_ arguments: String, forgetting: String = "") throws -> Result {
        let image = scratch + "/image"
        _ = Executable.shell("rm -rf \(image)")
        let recording = try record(forgetting: forgetting) { "\($0) $TOOL \(arguments)" }
        let (output, status, recorded) = (recording.output, recording.status, recording.journal)
        let powerCut = try PowerCutImage(journal: recorded, base: recording.base)
        try powerCut.advance(to: recorded.entries.count)
        try powerCut.build(.dropAll, into: image)
        let excluded = Self.ignored.map { "-x \($0)" }.joined(separator: " ")
        let lost = Executable.shell("diff -rq \(excluded) \(root) \(image)").output
        return Result(
            output: output,
            status: status,
            lost: lost.split(separator: "\n").map(String.init),
            unexplained: try powerCut.differences(from: root, ignoring: Self.ignored)
                + (recorded.stopped.map { [$0] } ?? [])
        )
    }

    /// A command line that was run under the recorder.
    struct Recording {
        var output: String
        var status: Int32
        var journal: Journal
        /// The root as it was before.
        var base: String
    }

    /// - Parameter line: gets the assignments that begin the recording of one command of the shell.
    func record(forgetting: String = "", _ line: (String) -> String) throws -> Recording {
        let (base, journal, library) = (scratch + "/base", scratch + "/journal", scratch + "/recorder.so")
        _ = Executable.shell("rm -rf \(base) \(journal); cp -a \(root) \(base)")
        if access(library, F_OK) != 0 { try Self.buildRecorder(library) }
        let environment =
            "III_RECORD_ROOT=\(root) III_RECORD_JOURNAL=\(journal) III_RECORD_FORGET=\(forgetting) LD_PRELOAD=\(library)"
        let (output, status) = Executable.shell(line(environment))
        return Recording(output: output, status: status, journal: try Journal(path: journal), base: base)
    }

    private static func buildRecorder(_ library: String) throws {
        let sources = String(#filePath.dropLast("Tests/Unit/StorageInspect/Support/SyncAudit.swift".utf8.count))
        let recorder = sources + "tools/StorageDrill/Recorder"
        let options = "-O1 -shared -fPIC -pthread -I \(recorder)/include -o \(library) \(recorder)/recorder.c -ldl"
        let (output, status) = Executable.shell("$(command -v cc || command -v clang || command -v gcc) \(options)")
        guard status == 0 else { throw SystemError("cc: \(output)", recorder) }
    }
}
