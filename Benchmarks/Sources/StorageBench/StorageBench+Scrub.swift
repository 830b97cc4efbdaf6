import BenchKit

/// What a pass of the scrub costs that doesn't give way any more: it is late, so it reads a piece every second under load.
extension StorageBench {
    func scrub() throws -> [Row] {
        try withFolder("scrub") { folder in
            var settings = StoreUnderTest.Settings()
            let unread = try StoreUnderTest("\(folder)/unread", settings)
            settings.scrubIntervalNanoseconds = 1
            let read = try StoreUnderTest("\(folder)/read", settings)
            for store in [unread, read] {
                try store.fill(count: UInt64(Self.keySpace), valueBytes: Self.valueBytes)
                try store.checkpoint()
            }
            let compared = try compare([
                ours("read", [.puts(read, lanes: 64)]), ours("unread", [.puts(unread, lanes: 64)]),
            ])
            try unread.close()
            try read.close()
            return [compared.row("64 durable writers beside a late scrub against without", "read", "unread", .reported)]
        }
    }
}
