import BenchKit
import Glibc

/// The command line, which `Benchmarks/run` fills in.
struct Options: Sendable {
    static let usage = """
        usage: Benchmarks/run [--only NAME]… [--quick]
        names: \(Figure.allCases.map(\.rawValue).joined(separator: ", "))
        environment: III_BINARY, the engine to measure (default: .build/release/iii)
        """

    var isQuick = false
    var only: [Figure] = []
    /// Folder of this run's files; on the disk that is to be measured.
    var directory = ""
    var enginePath = ""
    /// Folder of the peers this package builds.
    var binaryDirectory = ""

    init(_ arguments: [String]) throws {
        var rest = arguments[...]
        func value(_ option: String) throws -> String {
            guard let value = rest.popFirst() else { throw BenchError("\(option) needs a value\n\(Self.usage)") }
            return value
        }
        while let option = rest.popFirst() {
            switch option {
            case "--quick": isQuick = true
            case "--only":
                let name = try value(option)
                guard let figure = Figure(rawValue: name) else {
                    throw BenchError("no figure is called \(name)\n\(Self.usage)")
                }
                only.append(figure)
            case "--directory": directory = try value(option)
            case "--engine": enginePath = try value(option)
            case "--binaries": binaryDirectory = try value(option)
            default: throw BenchError("unknown option \(option)\n\(Self.usage)")
            }
        }
        guard !directory.isEmpty, !enginePath.isEmpty, !binaryDirectory.isEmpty else {
            throw BenchError("start it by Benchmarks/run\n\(Self.usage)")
        }
    }
}
