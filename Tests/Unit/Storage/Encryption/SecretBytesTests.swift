import Glibc
import Testing

@testable import Storage
@testable import StorageTesting

@Suite struct SecretBytesTests {
    private struct Refused: Error {}

    @Test func areFilledOnce() {
        let secret = SecretBytes(count: 4) { $0.copyBytes(from: [1, 2, 3, 4]) }
        #expect(secret.withBytes(Array.init) == [1, 2, 3, 4])
        #expect(SecretBytes(count: 3) { _ in }.withBytes(Array.init) == [0, 0, 0])
    }

    private static let bytes = 4096

    /// How often `value` stands in memory that may have been given back. Looks from outside, through the kernel, and
    /// into memory that was there before: an allocation now could take the very place.
    private func count(_ value: UInt8, at address: UInt, into window: UnsafeMutableRawBufferPointer) -> Int {
        let descriptor = open("/proc/self/mem", O_RDONLY)
        defer { close(descriptor) }
        let read = pread(descriptor, window.baseAddress, window.count, off_t(address))
        return window.prefix(max(0, read)).count { $0 == value }
    }

    private func withWindow(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: Self.bytes, alignment: 16, body)
    }

    @Test func areOverwrittenWhenTheyGo() {
        withWindow { window in
            var address: UInt = 0
            var secret: SecretBytes? = SecretBytes(count: Self.bytes) { place in
                place.initializeMemory(as: UInt8.self, repeating: 0xC5)
                address = UInt(bitPattern: place.baseAddress)
            }
            let before = count(0xC5, at: address, into: window)
            withExtendedLifetime(secret) {}
            secret = nil
            let after = count(0xC5, at: address, into: window)
            #expect(before == Self.bytes, "the test sees the memory")
            #expect(after < 64)
        }
    }

    @Test func areOverwrittenWhenFillingFails() {
        withWindow { window in
            var address: UInt = 0
            var before = 0
            do {
                _ = try SecretBytes(count: Self.bytes) { place throws(Refused) in
                    place.initializeMemory(as: UInt8.self, repeating: 0xC6)
                    address = UInt(bitPattern: place.baseAddress)
                    before = count(0xC6, at: address, into: window)
                    throw Refused()
                }
                Issue.record("the filling failed")
            } catch {
                let after = count(0xC6, at: address, into: window)
                #expect(before == Self.bytes, "the test sees the memory")
                #expect(after < 64)
            }
        }
    }
}
