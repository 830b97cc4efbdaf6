import Glibc
import Storage

@testable import iii_storage_inspect

/// One run of the tool, in this process.
struct Run {
    var output: [UInt8] = []
    var errors = ""
    var status: ProcessStatus

    init(_ arguments: [String]) {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        let console = Console(
            output: { output += $0 },
            errors: { errors += $0 },
            isOutputTerminal: false,
            isErrorTerminal: false,
            nanoseconds: { 0 },
            tool: Executable.path
        )
        status = Program.run(arguments, on: console)
        self.output = output
        self.errors = String(decoding: errors, as: UTF8.self)
    }

    init(_ arguments: String...) {
        self.init(arguments)
    }

    var text: String { String(decoding: output, as: UTF8.self) }
    var lines: [String] { text.split(separator: "\n").map(String.init) }
}

/// The built executable, beside the test bundle.
enum Executable {
    static var path: String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = max(0, readlink("/proc/self/exe", &buffer, buffer.count))
        let own = String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let directory = own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "."
        return directory + "/iii-storage-inspect"
    }

    /// Runs a shell command line with `$TOOL` naming the executable. Returns what it printed and its exit status.
    static func shell(_ line: String) -> (output: String, status: Int32) {
        setenv("TOOL", path, 1)
        guard let pipe = popen("/bin/bash -c '\(line)' 2>&1", "r") else { return ("popen failed", -1) }
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = fread(&buffer, 1, buffer.count, pipe)
            if count == 0 { break }
            output += buffer[..<count]
        }
        let status = pclose(pipe)
        return (String(decoding: output, as: UTF8.self), (status >> 8) & 0xFF)
    }
}
