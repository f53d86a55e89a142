package import PortalBase

/// Merkle tree hash and audit paths over SHA-256 (RFC 6962, section 2.1).
package struct MerkleTree: Sendable {
    /// Hash of a subtree that lies beside the way from a leaf to the root.
    package struct Step: Sendable, Equatable {
        package let isLeft: Bool
        package let digest: SHA256Digest
    }

    private let hashes: [SHA256Digest]

    /// - Parameter leaves: in their order; at least one.
    package init(_ leaves: [[UInt8]]) {
        hashes = leaves.map(Self.leaf)
    }

    package var root: SHA256Digest { Self.root(hashes[...]) }

    /// From the leaf at `index` up to the root.
    package func path(to index: Int) -> [Step] {
        var (steps, part) = ([Step](), hashes[...])
        while part.count > 1 {
            let middle = part.startIndex + Self.split(part.count)
            if index < middle {
                steps.append(Step(isLeft: false, digest: Self.root(part[middle...])))
                part = part[..<middle]
            } else {
                steps.append(Step(isLeft: true, digest: Self.root(part[..<middle])))
                part = part[middle...]
            }
        }
        return steps.reversed()
    }

    /// The root to which a path leads.
    package static func root(from leaf: [UInt8], _ path: [Step]) -> SHA256Digest {
        path.reduce(self.leaf(leaf)) { hash, step in
            step.isLeft ? node(step.digest, hash) : node(hash, step.digest)
        }
    }

    private static func root(_ hashes: ArraySlice<SHA256Digest>) -> SHA256Digest {
        guard let first = hashes.first else { return SHA256Digest(of: []) }
        if hashes.count == 1 { return first }
        let middle = hashes.startIndex + split(hashes.count)
        return node(root(hashes[..<middle]), root(hashes[middle...]))
    }

    /// The largest power of two below `count`.
    private static func split(_ count: Int) -> Int { 1 << (Int.bitWidth - 1 - (count - 1).leadingZeroBitCount) }

    private static func leaf(_ bytes: [UInt8]) -> SHA256Digest { SHA256Digest(of: [0] + bytes) }
    private static func node(_ left: SHA256Digest, _ right: SHA256Digest) -> SHA256Digest {
        SHA256Digest(of: [1] + left.bytes + right.bytes)
    }
}
