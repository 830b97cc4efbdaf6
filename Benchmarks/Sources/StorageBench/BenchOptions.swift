import BenchKit
import Glibc

/// The command line of `Benchmarks/run storage`.
struct BenchOptions: Sendable {
    static let usage = """
        usage: Benchmarks/run storage [--only NAME]… [--quick] [--seconds S] [--repeats N] [--dir PATH] [--json FILE]
                                      [--patience S] [--normal-priority] [--store-mib N]
                                      [--soak-seconds S] [--keep]
        names: \(StorageFigure.allCases.map(\.rawValue).joined(separator: ", "))
        """

    var only: [StorageFigure] = []
    /// CI: short windows, small stores, one repeat. Says that everything runs, not how fast.
    var isQuick = false
    /// One side of one repeat.
    var seconds = 2.0
    var repeats = 5
    /// On the disk that is measured; removed afterwards, unless `keeps`.
    var directory = "bench-data"
    var jsonPath: String?
    /// The large store of the figures `reads`, `open`, `memory`.
    var storeMebibytes = 4096
    /// How long a figure may repeat slices in which other processes took the machine.
    var patienceSeconds = 60.0
    /// Whether both sides get ahead of other processes; see `Realtime`.
    var isRealtime = true
    /// How long `memory` watches.
    var soakSeconds = 600.0
    /// Leaves the large stores for the next run.
    var keeps = false

    init(_ arguments: [String]) throws {
        if arguments.contains("--quick") { becomeQuick() }
        var rest = arguments[...]
        while let option = rest.popFirst() {
            switch option {
            case "--quick": break
            case "--keep": keeps = true
            case "--normal-priority": isRealtime = false
            case "--only": only.append(try Self.figure(Self.value(&rest, of: option)))
            case "--seconds": seconds = try Self.number(&rest, of: option)
            case "--repeats": repeats = Int(try Self.number(&rest, of: option))
            case "--dir": directory = try Self.value(&rest, of: option)
            case "--json": jsonPath = try Self.value(&rest, of: option)
            case "--store-mib": storeMebibytes = Int(try Self.number(&rest, of: option))
            case "--patience": patienceSeconds = try Self.number(&rest, of: option)
            case "--soak-seconds": soakSeconds = try Self.number(&rest, of: option)
            default: throw BenchError("unknown option \(option)\n\(Self.usage)")
            }
        }
    }

    private mutating func becomeQuick() {
        isQuick = true
        seconds = 0.2
        repeats = 1
        storeMebibytes = 32
        soakSeconds = 3
        patienceSeconds = 0
    }

    private static func value(_ rest: inout ArraySlice<String>, of option: String) throws -> String {
        guard let value = rest.popFirst() else { throw BenchError("\(option) needs a value\n\(usage)") }
        return value
    }

    private static func number(_ rest: inout ArraySlice<String>, of option: String) throws -> Double {
        let text = try value(&rest, of: option)
        guard let number = Double(text), number.isFinite, number > 0 else {
            throw BenchError("\(option) needs a positive number, not \(text)\n\(usage)")
        }
        return number
    }

    private static func figure(_ name: String) throws -> StorageFigure {
        guard let figure = StorageFigure(rawValue: name) else {
            throw BenchError("no figure is called \(name)\n\(usage)")
        }
        return figure
    }
}
