import Glibc
import Testing

@testable import Storage

@Suite struct SecretBytesTests {
    private struct Refused: Error {}

    @Test func areFilledOnce() {
        let secret = SecretBytes(count: 4) { $0.copyBytes(from: [1, 2, 3, 4]) }
        #expect(secret.withBytes(Array.init) == [1, 2, 3, 4])
        #expect(SecretBytes(count: 3) { _ in }.withBytes(Array.init) == [0, 0, 0])
    }

    /// Looks at the memory from outside, where it may have been given back to the system or to somebody else.
    private func content(at address: UInt, count: Int) -> [UInt8] {
        let descriptor = open("/proc/self/mem", O_RDONLY)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        let read = pread(descriptor, &bytes, count, off_t(address))
        return Array(bytes.prefix(max(0, read)))
    }

    @Test func areOverwrittenWhenTheyGo() throws {
        let pattern = [UInt8](repeating: 0xC5, count: 4096)
        var address: UInt = 0
        do {
            let secret = SecretBytes(count: pattern.count) { place in
                place.copyBytes(from: pattern)
                address = UInt(bitPattern: place.baseAddress)
            }
            let seen = content(at: address, count: pattern.count)
            try #require(seen == pattern, "the test sees the memory")
            withExtendedLifetime(secret) {}
        }
        #expect(content(at: address, count: pattern.count).filter { $0 == 0xC5 }.count < 64)
    }

    @Test func areOverwrittenWhenFillingFails() {
        var address: UInt = 0
        #expect(throws: Refused.self) {
            try SecretBytes(count: 4096) { place throws(Refused) in
                place.initializeMemory(as: UInt8.self, repeating: 0xC6)
                address = UInt(bitPattern: place.baseAddress)
                throw Refused()
            }
        }
        #expect(content(at: address, count: 4096).filter { $0 == 0xC6 }.count < 64)
    }
}
