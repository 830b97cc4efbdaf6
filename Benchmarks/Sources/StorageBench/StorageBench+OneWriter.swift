import BenchKit

/// One durable writer: what is left of the disk's own rate when one client waits for each put.
extension StorageBench {
    func oneWriter() throws -> [Row] {
        try withFolder("one-writer") { folder in
            try withFilledStore("\(folder)/ours") { store in
                let drives: [Drive] = [.callbacks, .tasks, .threads]
                let compared = try compare(
                    drives.map { ours($0.rawValue, [.puts(store, lanes: 1)], drive: $0) }
                )
                return oneWriterRows(compared)
            }
        }
    }

    private func oneWriterRows(_ compared: Comparison) -> [Row] {
        func rate(_ drive: Drive, _ threshold: Threshold) -> Row {
            let name = drive.rawValue
            return compared.row("one durable writer against F, by \(name)", name, compared.limit, threshold)
        }
        return [
            rate(.callbacks, .atLeast(bar: 0.7, goal: 0.85)),
            .ratio(
                "one durable writer, p50 against the bare loop's",
                compared.pairs(Drive.callbacks.rawValue, compared.limit, \.p50Microseconds),
                unit: "µs",
                threshold: .atMost(bar: nil, goal: 1.25),
                limit: compared.limitText
            ),
            rate(.tasks, .reported),
            rate(.threads, .reported),
        ]
    }
}
