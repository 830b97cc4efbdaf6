import BenchKit
import Glibc

// Started by `Benchmarks/run storage`: measures the storage engine against its peers and the disk itself.
// Exits 1 on an error, never because a figure missed its bar.

func run() throws {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments.first == Child.flag { return try Child.run(Array(arguments.dropFirst())) }
    let bench = try StorageBench(BenchOptions(arguments))
    defer { bench.cleanUp() }
    if bench.options.isRealtime, !Realtime.begin() { bench.log("no right to use real-time priority: \(Realtime.risk)") }
    var report = Report()
    var failures: [String] = []
    for figure in bench.options.only.isEmpty ? StorageFigure.allCases : bench.options.only {
        bench.log("measuring \(figure.rawValue) …")
        do {
            report.rows += try figure.rows(bench)
        } catch {
            failures.append("\(figure.rawValue): \(error)")
        }
    }
    print("Load averages at the end: \(try readFile("/proc/loadavg").split(separator: "\n").first ?? "")\n")
    report.printTable()
    if let path = bench.options.jsonPath { try writeFile(path, report.json()) }
    guard failures.isEmpty else { throw BenchError("failed:\n" + failures.joined(separator: "\n")) }
}

do {
    try run()
} catch {
    printToStandardError("storage-bench: \(error)")
    exit(1)
}
