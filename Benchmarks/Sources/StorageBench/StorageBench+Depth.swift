import BenchKit

/// Many writers against F, the disk's own rate of one 4 KiB write at a time: how much one sync carries.
extension StorageBench {
    private struct Depth {
        let lanes: Int
        let drive: Drive
        let threshold: Threshold

        var name: String { "\(lanes) durable writers against F, by \(drive.rawValue)" }
    }

    /// The bar is on 1,024; the goals of the others are the design's.
    private static let depths = [
        Depth(lanes: 16, drive: .callbacks, threshold: .atLeast(bar: nil, goal: 6)),
        Depth(lanes: 64, drive: .callbacks, threshold: .atLeast(bar: nil, goal: 15)),
        Depth(lanes: 256, drive: .callbacks, threshold: .atLeast(bar: nil, goal: 30)),
        Depth(lanes: 1024, drive: .callbacks, threshold: .atLeast(bar: 20, goal: 40)),
        Depth(lanes: 64, drive: .tasks, threshold: .reported),
        Depth(lanes: 1024, drive: .tasks, threshold: .reported),
    ]

    func depth() throws -> [Row] {
        try withFolder("depth") { folder in
            try withFilledStore("\(folder)/ours") { store in
                let compared = try compare(
                    Self.depths.map { ours($0.name, [.puts(store, lanes: $0.lanes)], drive: $0.drive) }
                )
                return Self.depths.map { compared.row($0.name, $0.name, compared.limit, $0.threshold) }
            }
        }
    }
}
