import BenchKit

/// What encryption at rest costs: one writer and 64, with and without.
extension StorageBench {
    func encryption() throws -> [Row] {
        return try withFolder("encryption") { folder in
            var settings = StoreUnderTest.Settings()
            let plain = try StoreUnderTest("\(folder)/plain", settings)
            settings.isEncrypted = true
            let encrypted = try StoreUnderTest("\(folder)/encrypted", settings)
            for store in [plain, encrypted] {
                try store.fill(count: UInt64(Self.keySpace), valueBytes: Self.valueBytes)
            }
            let rows = try [1, 64].map { try encryptionRow(encrypted, plain, lanes: $0) }
            try plain.close()
            try encrypted.close()
            return rows
        }
    }

    private func encryptionRow(_ encrypted: StoreUnderTest, _ plain: StoreUnderTest, lanes: Int) throws -> Row {
        let compared = try compare([
            ours("encrypted", [.puts(encrypted, lanes: lanes)]), ours("plain", [.puts(plain, lanes: lanes)]),
        ])
        let name = "\(lanes == 1 ? "one durable writer" : "\(lanes) durable writers") with encryption against without"
        return compared.row(name, "encrypted", "plain", .reported)
    }
}
