# SPDX-License-Identifier: GPL-2.0-only
"""[x]P, [y]P and [xy]P on the binary curves of RFC 6267 §6.1.4, made by OpenSSL 3.0.19, and how each is compressed.

`openssl ec -pubout -conv_form uncompressed` (and `compressed`) of the private keys X, Y and XY modulo the order.
"""

from dissectors.grammar.mikey.registries import EccCurve

X, Y = 0x1234567890ABCDEF1234567890ABCDEF, 0xFEDCBA0987654321FEDCBA0987654321
POINTS = {
    EccCurve.SECT163R2: (
        bytes.fromhex("040365b12703a19fada1040bb87a08bdfab322b8da9e072e9f3175d3cec41450ded220c1e4c0a7d0347c6f"),
        bytes.fromhex("0401ed8741f89a8b3115af749fc73a6acb884f3fcd5a04970e65a6f4a89a57535d424712be12ea6538841d"),
        bytes.fromhex("04062e28fafe69b24bcbf0bc4e340db57df690f57d6c004e8ffa370586662f3a4eaff11c65a2e86878f630"),
    ),
    EccCurve.SECT163K1: (
        bytes.fromhex("0402346aea8c2ee9a2fc8a70573a43ec65adf15f599a04f28251f0330f794679a239999654e2aa9e608db7"),
        bytes.fromhex("04026cd0ffa22034db08088696e8f7af94269a30fd3e0127b4ecfe6edb939fb9cfb70541e4b18601c2e74e"),
        bytes.fromhex("0401b62a8039a4136d8798720c1ca9a4b1cf5b7016540609de5bc7b96bc71868c5d26f582a50ddb43929de"),
    ),
    EccCurve.SECT163R1: (
        bytes.fromhex("0403dbcfe4bc800d0c3c1cbafe28ed4319ed217fb037071cacba213469a02d8129f902d810d5d7efeea3c9"),
        bytes.fromhex("0401ce0de50743f3781d674e4984e896eeeb660df36d069a4e5ce14e6d01f976bc3f413732e9b74b46cb77"),
        bytes.fromhex("0403c0cf7efac6c6c5034baf8cbbca4e16758be444bb06b3cc2d58bf822ee8f9f26020454e968e2a21651d"),
    ),
    EccCurve.SECT233R1: (
        bytes.fromhex(
            "040073f58eaff546f112ab0ef971640cdadf89c98c4f433a2c4479819d2e9701107a9678e65b68a72c42d6c3e6b8c59c9e8e"
            "ceb54019c8440d17cc2bad"
        ),
        bytes.fromhex(
            "04018b1c69bf72b003d23b564f2dfb1a90d71088b4431eaf3aa5db423aa5890114ba8ea42e53b20c383ab9f439c64b019d3b"
            "76efc1d3d587dc45e639fe"
        ),
        bytes.fromhex(
            "040105557f09afd3716e2ecec5f2839adc0ee5f65249d8812b57e4c78089aa002478d5dfec5a7d199e517a3e7a995f3145b4"
            "75ef65e862b3ccd705c63e"
        ),
    ),
    EccCurve.SECT233K1: (
        bytes.fromhex(
            "0400b558c9c344d885d2360a99d1179e6d4d3788da5af6e88ce4e5c3dab7c8014d783da49789f650446c77411093cd7e8de6"
            "c6b8ee360c53a16879e95f"
        ),
        bytes.fromhex(
            "0401b10929e1f88ea556c413cca44aa5ebef7cae1bb79f6942a5489c7dfbfa007643bfe8006c16666d922b0f3233114170e1"
            "508880389c754b70dd2313"
        ),
        bytes.fromhex(
            "04009eb747eac65b6c625e37c14a2d2711c301a3660e5d6dd54f164957745800aa4f7b6fd02ac3d66639615c74920c7c983c"
            "604ed07afd786d41911536"
        ),
    ),
    EccCurve.SECT283R1: (
        bytes.fromhex(
            "0406f2a7adabec4d0c7f2f3a290477cccde846e2d693a8f09e4001b3b097992e066c14f58206374e046b2374a045095341c7"
            "1a0d93a03cf231f50d426cb5dbc06747e38df8e78fff8b"
        ),
        bytes.fromhex(
            "0402a849d24cca7a30e33eb0b4eb2ff8ca2dd82d9d9da9e2bda0e75bbbb621f8afd749c5ad027b44585d8831c732996f9203"
            "5e1e8437e7177743ac4ab731a1f62828bd6a0c42a54fcb"
        ),
        bytes.fromhex(
            "0400a32349209b99d032eae3599ca40e122601e554603fc35c1ce35ed5c18df78e748abee301eb91e9a988a1132d01a1217c"
            "e512c997592bffc9af43565931d4be4eb05e7c8c997782"
        ),
    ),
    EccCurve.SECT283K1: (
        bytes.fromhex(
            "0405f2062e90a62fea0a3f5d2d13c0b4762fb8ec829c39724bf4da2b909939fc5f120bc26e02d635363c33e76e940393e529"
            "c7a7bcfaed9afa449061174f0b44865cfef98a64c91932"
        ),
        bytes.fromhex(
            "04033592df7eb4fef4a0043b019f5b9f2e07b0183b5b01496c61ccdae49684266d8e9f5f7b04ba789bead7170f86a4857385"
            "27ba4998bea3374bfbd006609c83601a8263aa533a46e3"
        ),
        bytes.fromhex(
            "04036bbc7c5ef64b4967daea53bb2d4933c2cf34a1fbe11b83394871e111558cdf0ebaa1c703e8d8c6f6b228b9f9b4807f56"
            "a3a3b963950e0d74d7741017f2bdca0326538b7e729103"
        ),
    ),
    EccCurve.SECT409R1: (
        bytes.fromhex(
            "0401289148ac717aa2723edb6e161bb1dcae4151a2d5c58ff7e0241b4b6bb5b38107ef451eaf4ef8584a9202f9d3bbbff2ec"
            "d2cef9015b9fef5394178ab8f782973bd86f6c00aba2e3fe0c1006426010769e08e8878847e82b2a6a66858767acd688b0af"
            "9886b8fc12"
        ),
        bytes.fromhex(
            "040056d9ae37f0e756b224264a410540c94163cab56147daaa8459d43bcc9f6d17d669d643149e05c49fd31b7f3df9db4740"
            "c787d7013e80fb7b325c904ef7c62224067c6f3c7a630b252c9db1a4fda7d98715ecb91e6d6cb6d5bf65e5bfcf0f26baad31"
            "3f5ec4886f"
        ),
        bytes.fromhex(
            "04002da6b57c8ec8781567255c90e5bcef0f70a1700ef34f712279680dbd30ef35832aa5f720f18c094601758db023c508c9"
            "f1d0fb0141304f57cd82813b0113c6cda58250a3e6db4e14e0b6884cebda9080fe1e8116c085d7f2cb56e48f0988fc4210a8"
            "036e57862e"
        ),
    ),
    EccCurve.SECT409K1: (
        bytes.fromhex(
            "0400bd8085c60904228a78e5d7ec8f84b3b1d07eb6c2cf239e19a359cd5c579c0b1ee961948956aa16999bfd6c2fa1d748e8"
            "3d70080087c477fd7cdf344ac8dbf72dcda231bb229899df00f2b35927493ce83ef609ee91bf1036ea40f4f30af1243a922c"
            "04b40ba389"
        ),
        bytes.fromhex(
            "0401f8ee25023000c3122a599ae7479e5eecbab7f5822e51a7951d73234516c7f9a418eb4beabbdb3238ec28dd28e9560603"
            "2c875800f3f935579305964237e8feedb3cda908c109b300adbe3c1d17c0d8e4935968b536c22c89c4d616d28e2bb9cf6fc1"
            "bb85ce11d1"
        ),
        bytes.fromhex(
            "04012a910f72d9ab1758aab983d0fabdc4793c6a2def13d43cec20c9c6ff8a12a91df32ad63a71dd6b6b0bffbb4f843bba07"
            "f1c1c601620da2e7d4cf7b40a9ba595259f221e3e66128acfece180e0522f1e201af13fce386a2702f8a8a59516c7af87851"
            "bf5efd031e"
        ),
    ),
    EccCurve.SECT571R1: (
        bytes.fromhex(
            "04073c6a884157bc1c02ec96e6aa9079717d1ce971044a5aacee2f73a196d18dfd99b3850d0c9b2eae823ed6396f9c390743"
            "a8913048754e67089278d852184fb44e195c2a6a7265ce07664b597e25e7ce07449e21df98dc84fcb26ab6d867c89b8b576d"
            "3b75e9a8f7cd5bc52ca5232b1ab3af2aa30e0429bebd70d5aa780d77f4a2eb89ff5009feed5eff48bb31cac4cc"
        ),
        bytes.fromhex(
            "04056a4752f973ff609229255c22e1dbcd7ec6a64b6d9f83c4fcc90ddb3fbca5560605b62f8a453eb60131ce8c87e13953ca"
            "e0024b36b2dfbbd50330910d210c6f21e1f9dcd8fa5ae4074edad0c73f3053ec00cb815ffbec2ef704a80487cf60c34463b9"
            "620837b76fb6f3f8c00db475753d04d18b7e4a6980f3991c8f0bbda5a6f0a4cb52699dde11d03481ece4a8dc41"
        ),
        bytes.fromhex(
            "04048a0c6a52b825028cde796e9ab5700a8afddeaf79fa59ebc7cb078bbc6bf78b500e13e2817ea320258bd61f5a04358a5a"
            "b9e08e630861e80cfe10882fa5ebc4b23c1a48505183fe06cd82672244316c8eff2489643a1de1f5ca1d6e91266a8624ea13"
            "85e815affecb13337a817d744958a1ffa8780440810cd3a0cb3e6dd5a784c784658d034113daef029428c03258"
        ),
    ),
    EccCurve.SECT571K1: (
        bytes.fromhex(
            "0400239f7148233eb9db409fe605bc1536db68e37e3786d20221dd89241b52701b6522e09c2da2b745168ddb9ae97f754cdc"
            "45944bb8ce1d905481fee13f1d6dfe8856074caadf3205022cd8f47dce302c4850eb2beae5d3f8d190d890ec7f343ddcf86e"
            "334e84214d2d62275b4dd78e5c4bfba1ae2ca0ec23f302e43e36f475094a2c3421b00c493bed4170e7eb4cfb04"
        ),
        bytes.fromhex(
            "04029244da107102e3408e96d79df14de765336d1a116a04d54fe31eb2e90d027ee2ee119b393d4375c35a2090a071a9f327"
            "6ee3e30345da1cf23199802179f25225a064ee22bd20bc004dfb2710c484586de549ea41e59ffac91e52c28f57d1c5554e76"
            "9e142b78cc866243cc1c6fb6cc2a3af4e1d3c565d1a1e66c1c4b0f45b91044b939958bc605be8f08bfbf1a8ef0"
        ),
        bytes.fromhex(
            "0401e34c2bf267d93f2d308bfd4f72e624365215b23fee58b6a2462dc6996d0aaa814a359adfe8b1d2a7e6d04b644e8a3a7c"
            "5963b262e773831f2ab2aac4963712c2acbba0c398c52f0309dd01e4fcefa185656206b3bbd2a3b015fcd9d7cd8764b1c982"
            "14b0a9d4e1d6d488b61a0f958ed1dbdc2ca5ba956ea692b8165eb93c08bb381f3149db04ca53ff06a0f6a9f0c5"
        ),
    ),
}
FIRST_OCTETS_COMPRESSED = {
    EccCurve.SECT163R2: bytes.fromhex("030202"),
    EccCurve.SECT163K1: bytes.fromhex("030202"),
    EccCurve.SECT163R1: bytes.fromhex("020302"),
    EccCurve.SECT233R1: bytes.fromhex("030203"),
    EccCurve.SECT233K1: bytes.fromhex("030303"),
    EccCurve.SECT283R1: bytes.fromhex("030203"),
    EccCurve.SECT283K1: bytes.fromhex("030303"),
    EccCurve.SECT409R1: bytes.fromhex("030303"),
    EccCurve.SECT409K1: bytes.fromhex("030202"),
    EccCurve.SECT571R1: bytes.fromhex("030203"),
    EccCurve.SECT571K1: bytes.fromhex("030302"),
}
