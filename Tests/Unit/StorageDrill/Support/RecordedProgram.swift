import Glibc

@testable import StorageDrill

/// `Fixtures/calls.c`, built once in each of the two ways that the recorder can be used.
struct RecordedProgram: Sendable {
    enum Way: String, CaseIterable, Sendable {
        case linked
        case preloaded
    }

    let program: String
    let preload: String

    private static let sources = String(#filePath.dropLast("Support/RecordedProgram.swift".count))
    private static let recorder = sources + "../../../tools/StorageDrill/Recorder"

    static func build(_ way: Way, in directory: TemporaryDirectory) throws -> RecordedProgram {
        let program = directory.path + "/calls"
        let library = directory.path + "/recorder.so"
        let common = ["-O1", "-Wall", "-Werror", "-pthread", "-I", recorder + "/include"]
        let calls = sources + "Fixtures/calls.c"
        switch way {
        case .linked:
            try compile(common + ["-o", program, calls, recorder + "/recorder.c", "-ldl"])
            return RecordedProgram(program: program, preload: "")
        case .preloaded:
            try compile(common + ["-o", program, calls])
            try compile(common + ["-shared", "-fPIC", "-o", library, recorder + "/recorder.c", "-ldl"])
            return RecordedProgram(program: program, preload: library)
        }
    }

    private static func compile(_ arguments: [String]) throws {
        for compiler in ["cc", "clang", "gcc"] where try run("/usr/bin/env", ["which", compiler]) == .exit(0) {
            let ending = try run("/usr/bin/env", [compiler] + arguments)
            guard ending == .exit(0) else { throw DrillError("\(compiler) \(arguments) ended with \(ending)") }
            return
        }
        throw DrillError("no C compiler: install gcc or clang")
    }

    static func run(_ program: String, _ arguments: [String], _ environment: [String: String] = [:]) throws
        -> ChildProcess.Ending
    {
        var process = try ChildProcess(program: program, arguments: arguments, environment: environment)
        return process.wait()
    }

    /// Runs it with its root at `<directory>/root` and its journal at `<directory>/journal`.
    func record(_ calls: String, in directory: TemporaryDirectory, _ environment: [String: String] = [:]) throws
        -> ChildProcess.Ending
    {
        var variables = [
            "LD_PRELOAD": preload, "III_RECORD_ROOT": directory.path + "/root",
            "III_RECORD_JOURNAL": directory.path + "/journal",
        ]
        variables.merge(environment) { $1 }
        return try Self.run(program, [directory.path + "/root", calls], variables)
    }
}
