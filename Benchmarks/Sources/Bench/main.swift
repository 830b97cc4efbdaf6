import BenchKit
import Glibc
import NIOPosix

// Started by `Benchmarks/run`: measures the figures one after the other and prints one Markdown table.
// Exits 1 on an error, never because a figure missed its bar.

/// 1,000 workers and their sockets, with room to spare; children inherit it.
let descriptorLimit: rlim_t = 8192

func raiseDescriptorLimit() {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, descriptorLimit))
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

func run() throws {
    let options = try Options(Array(CommandLine.arguments.dropFirst()))
    raiseDescriptorLimit()
    signal(SIGPIPE, SIG_IGN)
    let bench = Bench(options: options, group: MultiThreadedEventLoopGroup(numberOfThreads: 1))
    var report = Report()
    var failures: [String] = []
    for figure in options.only.isEmpty ? Figure.allCases : options.only {
        bench.log("measuring \(figure.rawValue) …")
        do {
            report.rows += try figure.rows(bench)
        } catch {
            failures.append("\(figure.rawValue): \(error)")
        }
    }
    print("Load averages at the end: \(try readFile("/proc/loadavg").split(separator: "\n").first ?? "")\n")
    report.printTable()
    guard failures.isEmpty else { throw BenchError("failed:\n" + failures.joined(separator: "\n")) }
}

do {
    try run()
} catch {
    printToStandardError("bench: \(error)")
    exit(1)
}
